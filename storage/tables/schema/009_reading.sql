-- Which reading of the archive the tables came from (READING in storage/tables/load.py): those of an earlier one are made anew.
ALTER TABLE base.made_from ADD COLUMN reading INTEGER;
