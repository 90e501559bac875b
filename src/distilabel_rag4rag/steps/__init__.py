"""distilabel steps and tasks, by kind."""
