"""An evaluation as people read it: report.html, tables and plots."""
