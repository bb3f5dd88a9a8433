"""The suite `tabletop`: tasks and levels of generalisation, as data."""
