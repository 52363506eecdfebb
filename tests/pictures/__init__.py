"""The images of README and docs, made anew."""
