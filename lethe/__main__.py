"""The command `lethe`, as it is installed and as `python -m lethe`."""

from app.cli import main

if __name__ == "__main__":
    main()
