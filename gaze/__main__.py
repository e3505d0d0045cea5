"""``python -m gaze``: the ``gaze`` command, where its script is not on the PATH."""

from gaze.commands.app import main

if __name__ == "__main__":
    main()
