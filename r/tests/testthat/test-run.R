test_that("deposits are an sf table that keeps its projection, its bounds and its run", {
  folder <- finished_run()
  deposits <- outcrop_deposits(folder)
  expect_s3_class(deposits, c("outcrop_deposits", "sf", "data.frame"), exact = TRUE)
  expect_identical(deposits$area_ha_low, c(3, 0.5))
  expect_identical(sf::st_crs(deposits)$epsg, 32723L)
  expect_equal(as.numeric(sf::st_area(deposits)), c(40000, 10000))
  expect_identical(outcrop_run(deposits)$folder, normalizePath(folder))
})

test_that("a part of the deposits still knows the run, and one column alone is a vector", {
  deposits <- outcrop_deposits(finished_run())
  large <- deposits[deposits$area_ha > 2, ]
  expect_s3_class(large, "outcrop_deposits")
  expect_identical(nrow(large), 1L)
  expect_identical(outcrop_run(large), outcrop_run(deposits))
  expect_s3_class(deposits["area_ha"], "outcrop_deposits")
  expect_identical(as.numeric(deposits[, "area_ha", drop = TRUE]), c(4, 1))
  expect_identical(deposits[["area_ha"]], c(4, 1))
})

test_that("a new column and another projection leave the table what it is", {
  deposits <- outcrop_deposits(finished_run())
  deposits$km2 <- deposits$area_ha / 100
  deposits[["name"]] <- c("one", "two")
  degrees <- sf::st_transform(deposits, 4326)
  expect_s3_class(degrees, c("outcrop_deposits", "sf", "data.frame"), exact = TRUE)
  expect_identical(degrees$km2, c(0.04, 0.01))
  expect_identical(outcrop_run(degrees[2, ]), outcrop_run(deposits))
  expect_true(sf::st_is_longlat(degrees))
})

test_that("a table without its geometry is a data frame like others", {
  bare <- sf::st_drop_geometry(outcrop_deposits(finished_run()))
  expect_output(print(bare), "area_ha")
  expect_identical(bare[bare$area_ha > 2, "area_ha_high"], 5)
})

test_that("a table that lost its run says what to give instead", {
  expect_error(outcrop_run(data.frame()), "give the folder of the run", class = "outcrop_error_usage")
  expect_error(outcrop_mask("/nowhere"), "holds no finished run", class = "outcrop_error_input")
})

test_that("rasters are named by their scene, and refused scenes have none", {
  folder <- finished_run()
  expect_identical(outcrop_mask(folder), c(a = file.path(normalizePath(folder), "a.mask.tif")))
  expect_identical(basename(outcrop_probability(folder)), "a.probability.tif")
})

test_that("measurements are one table, with NA where nothing was said", {
  measured <- outcrop_measurements(finished_run())
  expect_identical(measured$value, c(5, 50, 4, 1))
  expect_identical(measured$touches_edge, c(NA, NA, FALSE, TRUE))
  expect_identical(names(measured)[1:7], c("input", "name", "value", "unit", "low", "high", "method"))
  empty <- bind_rows_of(list(), list(a = character(), b = numeric()))
  expect_identical(dim(empty), c(0L, 2L))
})

test_that("summary, print and plot tell scenes, intervals, notes and refusals", {
  deposits <- outcrop_deposits(finished_run())
  said <- summary(deposits)
  expect_identical(said$scenes$deposits, 2L)
  expect_identical(said$scenes$area_ha_high, 10)
  expect_identical(said$refused$error, "b.tif is cut short: get it again")
  expect_output(print(said), "refused: b.tif is cut short")
  expect_output(print(deposits), "2 deposits, candidates to look at, in 1 scene\nlargest: 4 ha \\(3 to 5\\)")
  expect_output(print(outcrop_run(deposits)), "m.onnx abc")
  file <- tempfile(fileext = ".png")
  grDevices::png(file)
  plot(deposits)
  plot(deposits[0, ])
  grDevices::dev.off()
  expect_gt(file.size(file), 500)
})

test_that("the total of overlapping scenes is told, and there is none of one scene", {
  folder <- finished_run()
  expect_null(summary(outcrop_deposits(folder))$total)
  writeLines(c(
    "scene,deposits,duplicates,area_ha,area_ha_low,area_ha_high,counted_ha", "a,2,0,5,2,10,5", "b,2,1,6,3,12,2",
    '"all scenes, each deposit once",3,1,7,3,14,7'
  ), file.path(folder, "totals.csv"))
  said <- summary(outcrop_deposits(folder))
  expect_identical(said$total$area_ha, 7L)
  expect_output(print(said), "all scenes, each deposit once: 3 deposits, 7 ha \\(3 to 14\\)")
})

test_that("refused inputs are a warning that names them, and the others are given", {
  folder <- finished_run()
  said <- c("outcrop: b.tif is cut short: get it again", "outcrop: 1 of 2 inputs were refused")
  stand_in(complains = said, status = 4)
  expect_warning(
    deposits <- outcrop_predict(c("a.tif", "b.tif"), out = folder),
    "^1 of 2 inputs was refused: b.tif is cut short: get it again$", class = "outcrop_warning_partial"
  )
  expect_identical(nrow(deposits), 2L)
})

test_that("predict tells the program what it was told", {
  folder <- finished_run()
  program <- stand_in()
  outcrop_predict("my scene.tif", out = folder, model = "m.onnx", threshold = 0.4, overwrite = TRUE)
  expect_identical(arguments(program), c(
    "predict", "tailings", "--out", folder, "--model", "m.onnx", "--overwrite", "--json", "--threshold", "0.4", "--",
    "my scene.tif"
  ))
})

test_that("a run without a layer gives a table without rows", {
  folder <- finished_run()
  unlink(file.path(folder, "deposits.gpkg"))
  none <- outcrop_deposits(folder)
  expect_identical(nrow(none), 0L)
  expect_true(all(c("area_ha", "area_ha_low", "area_ha_high", "geom") %in% names(none)))
  expect_output(print(none), "0 deposits")
  expect_identical(summary(none)$scenes$deposits, 0L)
})

test_that("scenes that are no scenes are refused", {
  expect_error(outcrop_predict(3), "scenes are a numeric", class = "outcrop_error_usage")
  expect_error(outcrop_predict(character()), "no scene was given", class = "outcrop_error_usage")
})

test_that("a SpatRaster goes to the program as a GeoTIFF with the names of its bands", {
  skip_if_not_installed("terra")
  raster <- terra::rast(nrows = 4, ncols = 5, nlyrs = 3, xmin = 0, xmax = 50, ymin = 0, ymax = 40, crs = "EPSG:32723")
  terra::values(raster) <- seq_len(60) / 60
  names(raster) <- c("B4", "B3", "B2")
  file <- scene_files(raster)
  again <- terra::rast(file)
  expect_identical(names(again), c("B4", "B3", "B2"))
  expect_equal(terra::values(again), terra::values(raster), tolerance = 1e-6)
  expect_identical(basename(scene_files(list(mine = raster))), "mine.tif")
})

test_that("tables of the program are read with their types", {
  file <- tempfile(fileext = ".csv")
  writeLines(c("id,significant,change,before_m2", "1,true,grown,3.5", "2,,gone,"), file)
  table <- read_table(file)
  expect_identical(table$significant, c(TRUE, NA))
  expect_identical(table$before_m2, c(3.5, NA))
  expect_identical(facts_of(outcrop_run(finished_run())), c(grown = "1", gone = "0"))
})
