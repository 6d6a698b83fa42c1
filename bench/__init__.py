"""Measure how long settings of whole fleets take to be in force, against a plain provider and against the limit."""
