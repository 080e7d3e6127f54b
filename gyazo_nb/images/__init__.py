"""Turns an object into a picture file for upload: a figure, chart, array, PIL image, bytes, or path.

Guarantees: the picture keeps its pixels, or an error says why that is impossible. Importing this package
imports no picture library.
"""
