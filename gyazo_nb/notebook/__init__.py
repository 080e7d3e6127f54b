"""All code that knows IPython or ipywidgets: magics, panel, prompt, front ends.

Guarantees: `%gyazo_login` returns immediately unless waiting is requested, no secret is stored in the
notebook, and `%unload_ext` removes everything.
"""
