"""Side-by-side runs against peers; each prints one table and can write JSON."""
