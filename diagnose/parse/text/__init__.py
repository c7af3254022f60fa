"""Small shapes of text: addresses, spans of time, masks, remarks on a line."""
