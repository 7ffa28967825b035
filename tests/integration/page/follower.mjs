// Follows stops of the gateway at argv[2]; a line of JSON with all boards whenever one is new.

import { BoardStream } from "../../../gateway/static/stopcast/stopcast.js";

const [, , url, ...stops] = process.argv;
const stream = new BoardStream(stops, { url });
const tell = () => console.log(JSON.stringify(Object.fromEntries(stream.boards)));
for (const name of ["board", "gone"]) stream.addEventListener(name, tell);
