"""Depth cameras and webcams. Importing this loads no vendor library; a camera loads its own."""
