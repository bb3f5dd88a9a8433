"""Starting a cell: which processes, in which order, and what happens when one of them ends."""
