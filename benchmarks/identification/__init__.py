"""How well hidden physics are found from a few recorded motions."""
