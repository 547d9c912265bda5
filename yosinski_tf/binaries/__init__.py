"""One thin absl main per job."""
