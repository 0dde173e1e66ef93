"""The report: a study folder in, one offline HTML file out. It formats and computes nothing."""
