"""Written instructions with what is right for each, and the judge that counts."""
