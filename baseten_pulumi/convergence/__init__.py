"""Wanted against reported: whether settings are in force, and waiting until they are.

Nothing in here speaks HTTP or Pulumi or reads a clock of its own.
"""
