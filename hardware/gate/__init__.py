"""The safety gate in motion: what stands between everything that wants to move and a real arm."""
