"""What the commands do, without the command line: the functions behind `sneeuwbal.open("mystudy")`."""
