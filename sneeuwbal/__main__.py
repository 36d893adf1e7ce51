"""`python -m sneeuwbal`, and the console script."""

from cli import entry

if __name__ == "__main__":
    entry()
