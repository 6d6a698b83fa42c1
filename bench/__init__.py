"""Measure how long settings of whole fleets take to be applied, against a plain provider and against the limit."""
