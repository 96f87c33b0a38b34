# A stand-in for the program: a shell script that notes its arguments, says what it is told to, and leaves.

stand_in <- function(says = character(), complains = character(), status = 0, env = parent.frame()) {
  testthat::skip_on_os("windows")
  folder <- tempfile("stand in ")
  dir.create(folder)
  files <- file.path(folder, c("outcrop", "arguments", "out", "err", "environment"))
  writeLines(as.character(says), files[[3]])
  writeLines(as.character(complains), files[[4]])
  writeLines(c(
    "#!/bin/sh", "here=$(dirname \"$0\")", "for word in \"$@\"; do echo \"$word\"; done > \"$here/arguments\"",
    "env > \"$here/environment\"", "cat \"$here/out\"", "cat \"$here/err\" >&2", paste("exit", status)
  ), files[[1]])
  Sys.chmod(files[[1]], "755")
  before <- options(outcropr.command = files[[1]])
  do.call(on.exit, list(bquote(options(.(before))), add = TRUE), envir = env)
  folder
}

arguments <- function(folder) readLines(file.path(folder, "arguments"))

# A finished run on disk, with two deposits in one scene, and one refused file.
finished_run <- function() {
  folder <- tempfile("a run ")
  dir.create(folder)
  square <- function(x, side) sf::st_polygon(list(cbind(x + side * c(0, 1, 1, 0, 0), side * c(0, 0, 1, 1, 0))))
  deposits <- sf::st_sf(
    id = c(1, 2), class = "tailings", area_ha = c(4, 1), area_ha_low = c(3, 0.5), area_ha_high = c(5, 1.5), scene = "a",
    geom = sf::st_sfc(square(500000, 200), square(501000, 100), crs = 32723)
  )
  suppressWarnings(sf::st_write(deposits, file.path(folder, "deposits.gpkg"), "deposits", quiet = TRUE))
  measured <- function(name, value, unit, about) {
    list(name = name, value = value, unit = unit, low = value / 2, high = value * 2, method = "drawn", about = about)
  }
  record <- list(
    task = "tailings", outcrop = "0.1.0", created = "2025-01-01T00:00:00+00:00",
    models = list(list(file = "m.onnx", sha256 = "abc")),
    inputs = list(
      list(
        input = "/there/a.tif", stem = "a", files = list("a.probability.tif", "a.mask.tif", "a.overlay.png"),
        measurements = list(
          measured("tailings area", 5, "ha", list(deposits = 2)),
          measured("tailings share", 50, "%", list(deposits = 2)),
          measured("deposit area", 4, "ha", list(touches_edge = FALSE)),
          measured("deposit area", 1, "ha", list(touches_edge = TRUE))
        )
      ),
      list(input = "/there/b.tif", error = "b.tif is cut short: get it again", files = list(), measurements = list())
    ),
    refused = list(list(input = "/there/b.tif", error = "b.tif is cut short: get it again")),
    warnings = list("a.tif: a note"),
    sections = list(list(title = "t", facts = list(list("grown", "1"), list("gone", "0"))))
  )
  jsonlite::write_json(record, file.path(folder, "summary.json"), auto_unbox = TRUE, digits = NA)
  folder
}
