"""Exactly once: the pump's journal of commands, and the programmer who never loses track of one."""
