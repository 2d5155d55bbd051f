"""Calls of procedures over transports of string messages."""
