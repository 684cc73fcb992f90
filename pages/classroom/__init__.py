"""The classroom: lessons in prose with widgets between, served by Streamlit."""
