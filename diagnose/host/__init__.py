"""The world behind one function: `Query` in, `Reply` out."""
