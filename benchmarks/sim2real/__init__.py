"""Skills carried over to twins: what calibration, randomisation, and both together are worth."""
