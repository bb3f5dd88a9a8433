"""What an instruction says: from words to goals, milestones and specifications."""
