"""How well depth of stereo cameras is cleaned, and what that is worth to a skill."""
