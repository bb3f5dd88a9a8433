"""`robot-skills dataset`: check, mend, convert, divide and describe recorded episodes."""
