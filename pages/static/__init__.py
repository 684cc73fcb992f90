"""Pages of a static Space, one file a kind: finished runs and lessons as files that need no server.

Each defines `pages(site)`, which yields its pages; their addresses are those of the studio, see app/spaces/_site.py.
"""
