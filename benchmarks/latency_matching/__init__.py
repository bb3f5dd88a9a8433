"""How well latencies are found, and what it brings to know them."""
