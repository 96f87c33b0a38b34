# What R sees of a scene, as JSON: Rscript see.R SCENE MODEL BAD OUT ANSWER
library(outcropr)

given <- commandArgs(trailingOnly = TRUE)
scene <- given[[1]]
model <- given[[2]]
bad <- given[[3]]
out <- given[[4]]

deposits <- outcrop_predict(scene, out = out, model = model)

# As GDAL of R decodes it: columns first.
pixels <- function(path) as.vector(attr(sf::gdal_read(path, read_data = TRUE), "data"))
hexadecimal <- function(geometry) vapply(sf::st_as_binary(geometry), function(raw) paste(raw, collapse = ""), "")

refused <- tryCatch(outcrop_predict(bad, model = model), error = identity)
partial <- NULL
both <- withCallingHandlers(
  outcrop_predict(c(scene, bad), model = model, no_area = FALSE),
  warning = function(said) {
    partial <<- said
    invokeRestart("muffleWarning")
  }
)

table <- sf::st_drop_geometry(deposits)
table$acquired <- format(table$acquired, "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")
answer <- list(
  class = class(deposits), epsg = sf::st_crs(deposits)$epsg, table = as.list(table),
  shapes = hexadecimal(sf::st_geometry(deposits)),
  mask = as.list(outcrop_mask(deposits)), mask_pixels = pixels(outcrop_mask(deposits)),
  probability_pixels = pixels(outcrop_probability(deposits)),
  measurements = outcrop_measurements(deposits)[c("name", "value", "unit", "low", "high")],
  error = conditionMessage(refused), error_class = class(refused), warning = conditionMessage(partial),
  warning_class = class(partial), refused = partial$refused, deposits_of_both = nrow(both), version = outcrop_version()
)
jsonlite::write_json(answer, given[[5]], digits = NA, auto_unbox = TRUE, na = "null")
