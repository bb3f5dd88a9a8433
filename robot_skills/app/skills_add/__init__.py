"""From a few demonstrations and a draft card to a skill of the library."""
