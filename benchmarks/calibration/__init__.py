"""How accurate calibrations are, on drawn boards whose true poses are known."""
