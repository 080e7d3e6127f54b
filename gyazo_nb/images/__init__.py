"""Makes a picture file from any object: a figure, an array, a PIL image, bytes, a path.

Guarantees: the picture keeps its pixels, or an error says why it cannot. No picture library is imported
unless an object of it is given.
"""
