// Prints the nodes and edges of the GEXF and GraphML files named, as graphology reads them.
import { createRequire } from "node:module";
import fs from "node:fs";

const require = createRequire(import.meta.url);
const Graph = require("graphology");
const parse = { gexf: require("graphology-gexf").parse, graphml: require("graphology-graphml").parse };
const read = process.argv.slice(2).map((path) => {
  const graph = parse[path.split(".").pop()](Graph, fs.readFileSync(path, "utf8"));
  const nodes = Object.fromEntries(graph.mapNodes((id, told) => [id, told]));
  return { nodes, edges: graph.mapEdges((id, told, from, to) => [from, to, told.weight]) };
});
console.log(JSON.stringify(read));
