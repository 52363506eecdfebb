"""Descriptions of the topology for people: as text, JSON, a picture, and in the files that repeat it."""
