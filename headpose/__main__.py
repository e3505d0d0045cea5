"""``python -m headpose``: the ``headpose`` command, where its script is not on the PATH."""

from headpose.cli import main

if __name__ == "__main__":
    main()
