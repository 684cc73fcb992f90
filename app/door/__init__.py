"""The door of the server: who may come in, with what, and what every answer carries.

`hosts` says which names and origins belong to this studio, `values` what a request may hold, `headers` what answers
carry; `middleware.Door` asks them before Gradio or Streamlit see a request, and `studio.Studio` is Gradio's application
with its own checks on and its errors put into a sentence.
"""
