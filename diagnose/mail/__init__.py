"""The commands that read mail: explain, trace, queue and send."""
