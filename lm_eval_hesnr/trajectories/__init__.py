"""From files to labelled text: schema, readers (one module for each format), annotation and rendering."""
