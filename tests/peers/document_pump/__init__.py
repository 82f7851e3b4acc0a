"""A pump that is made from ``docs/protocol.md`` alone: its messages are read out of the page's own tables.

Nothing of ``protocols/`` is used, so that what page and code say differently is found out.
"""
