"""Settings files of applications, each read as its application reads it; from text to values, nothing is asked."""
