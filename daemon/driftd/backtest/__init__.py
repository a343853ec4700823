"""The loop over a recorded stream on a simulated clock, with the project's own stages, and other policies to hold it against."""
