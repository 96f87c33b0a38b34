library(testthat)
library(outcropr)

test_check("outcropr")
