"""The topology told to people: as text, as JSON, as a picture, and in the files of the repository that repeat it."""
