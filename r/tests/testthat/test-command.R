test_that("values become options as the program reads them", {
  mixed <- list(threshold = 0.6, no_area = TRUE, overwrite = FALSE, model = NULL)
  expect_identical(options_of(mixed), c("--threshold", "0.6", "--no-area"))
  expect_identical(options_of(list(max_pixels = 1e8)), c("--max-pixels", "100000000"))
  expect_identical(options_of(list(bands = c("B4", "B3", "B2"))), c("--bands", "B4,B3,B2"))
  expect_identical(options_of(list(format = c("geojson", "fgb"))), c("--format", "geojson", "--format", "fgb"))
  expect_identical(
    options_of(list(registry_column = c(id = "code", decimal = ","))),
    c("--registry-column", "id=code", "--registry-column", "decimal=,")
  )
  velocity <- list("salt velocity" = c(4450, 4500, 4550))
  expect_identical(options_of(list(assume = velocity)), c("--assume", "salt velocity=4450:4500:4550"))
  expect_identical(pairs_of(list(shape = c(256, 128), swath = TRUE, deposits = NULL)), c("shape=256x128", "swath=yes"))
  expect_identical(options_of(list(model = c(best = "a.onnx"))), c("--model", "a.onnx"))
})

test_that("values that mean nothing are refused before the program runs", {
  expect_error(options_of(list(1)), "name it as the option", class = "outcrop_error_usage")
  expect_error(options_of(list(threshold = NA)), "`threshold` is missing", class = "outcrop_error_usage")
  expect_error(pairs_of(list(3)), "name = value", class = "outcrop_error_usage")
})

test_that("spaces, quotes and dollars reach the program as they are", {
  folder <- stand_in()
  words <- c("a b.tif", "it's", "$HOME", "say \"x\"", "back\\slash")
  run_outcrop(words)
  expect_identical(arguments(folder), words)
})

test_that("the program does not read the data files of R's spatial packages, and R keeps its own", {
  folder <- stand_in()
  before <- Sys.getenv(c("PROJ_LIB", "GDAL_DATA"), unset = NA, names = TRUE)
  on.exit(restore_environment(before))
  Sys.setenv(PROJ_LIB = "/r/proj", GDAL_DATA = "/r/gdal")
  run_outcrop("tasks")
  expect_false(any(grepl("^(PROJ_LIB|GDAL_DATA)=", readLines(file.path(folder, "environment")))))
  expect_identical(unname(Sys.getenv(c("PROJ_LIB", "GDAL_DATA", "NO_COLOR"))), c("/r/proj", "/r/gdal", ""))
})

test_that("an error of the program is an R error with its sentence, in words of R", {
  said <- "run holds a finished run; give another --out, or --overwrite to write into it"
  stand_in(complains = paste("outcrop:", said), status = 2)
  caught <- tryCatch(run_outcrop("predict"), error = identity)
  expect_s3_class(caught, c("outcrop_error_usage", "outcrop_error", "error", "condition"), exact = TRUE)
  expect_identical(
    conditionMessage(caught), "run holds a finished run; give another `out`, or `overwrite = TRUE` to write into it"
  )
})

test_that("several refusals are a list, and the count of them is no refusal", {
  stand_in(complains = c("outcrop: a is bad", "outcrop: b is bad", "outcrop: 2 of 2 inputs were refused"), status = 3)
  expect_error(run_outcrop("predict"), "^\n- a is bad\n- b is bad$", class = "outcrop_error_input")
  expect_identical(itemise(letters[1:4], most = 2), "\n- a\n- b\n- and 2 more")
})

test_that("names of files that look like options are left alone", {
  said <- in_words_of_r("scene--old.tif has no place: see --no-area")
  expect_identical(said, "scene--old.tif has no place: see `no_area = TRUE`")
  expect_identical(in_words_of_r("Invalid value for '--threshold': 7"), "Invalid value for `threshold`: 7")
  expect_identical(in_words_of_r("see --registry-kind", c(registry_kind = "kind")), "see `kind`")
})

test_that("framed complaints and failures without a sentence are told too", {
  framed <- c(
    "Usage: outcrop", "\u256d\u2500 Error \u2500\u256e", "\u2502 No such option: --moon \u2502", "\u2570\u2500\u256f"
  )
  expect_identical(complaint(framed, 2), "No such option: `moon`")
  stand_in(complains = c("Traceback", "  deep", "KeyError: 'x'"), status = 1)
  expect_error(run_outcrop("predict"), "status 1: KeyError", class = "outcrop_error_defect")
})

test_that("a program that is not there is said so, whichever way it was named", {
  before <- options(outcropr.command = NULL)
  set <- Sys.getenv("OUTCROP", unset = NA, names = TRUE)
  on.exit({
    options(before)
    restore_environment(set)
  })
  Sys.setenv(OUTCROP = "/nowhere/outcrop")
  expect_error(outcrop_version(), "/nowhere/outcrop.*was not found", class = "outcrop_error_command")
  options(outcropr.command = c("/elsewhere/outcrop", "-v"))
  expect_error(outcrop_version(), "/elsewhere/outcrop", class = "outcrop_error_command")
})

test_that("version and rooms are read from the program", {
  folder <- stand_in(says = "outcrop 1.2.3")
  expect_identical(outcrop_version(), "1.2.3")
  expect_identical(arguments(folder), "--version")
  stand_in(says = '[{"name": "salt", "title": "Salt bodies", "classes": ["salt"], "recipes": []}]')
  expect_identical(outcrop_tasks()$name, "salt")
  expect_identical(outcrop_tasks()$classes, list("salt"))
})
