"""Whether ending attempts early, as measured to pay, shortens the time to success."""
