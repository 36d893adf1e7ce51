// All edges, counted per pixel in a half-float buffer, then shown in a log tone, so that dense areas stay distinguishable
// from what is denser. Positions and colours of the nodes are textures; an edge is two numbers. A machine that cannot
// draw all of them between two frames draws a batch at a time.

const HEAD = "#version 300 es\nprecision highp float;precision highp int;";
const COUNT = [
  `in uvec2 edge;uniform sampler2D place,tint;uniform mat3 matrix;uniform int width;out vec3 c;
  void main(){int a=int(edge.x),b=int(edge.y);ivec2 ia=ivec2(a%width,a/width),ib=ivec2(b%width,b/width);
  vec4 ca=texelFetch(tint,ia,0),cb=texelFetch(tint,ib,0);c=ca.rgb;
  if(ca.a*cb.a<.5){gl_Position=vec4(2.,2.,2.,1.);return;}
  vec2 p=texelFetch(place,(gl_VertexID&1)==0?ia:ib,0).xy;gl_Position=vec4((matrix*vec3(p,1.)).xy,0.,1.);}`,
  "in vec3 c;out vec4 o;void main(){o=vec4(c,1.);}",
];
const TONE = [
  `out vec2 u;void main(){u=vec2(gl_VertexID==1?2.:0.,gl_VertexID==2?2.:0.);gl_Position=vec4(u*2.-1.,0.,1.);}`,
  `in vec2 u;uniform sampler2D counts;uniform float reference,gain;out vec4 o;
  void main(){vec4 s=texture(counts,u);if(s.a<.5)discard;vec3 c=mix(s.rgb/s.a,vec3(.5),.45);
  float a=gain*clamp(log(1.+s.a)/log(1.+reference),0.,1.);o=vec4(c*a,a);}`,
];

const STEP = 80; // milliseconds that a batch may take
const SHOWN = 300; // milliseconds after which the batches so far are shown, which costs as much as many edges
const DEALT = 64; // every 64th edge first, then their next ..., so that a batch shows something of every node

export class Edges {
  constructor(canvas, nodes, source, target) {
    this.canvas = canvas;
    const gl = (this.gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true }));
    if (!gl || !gl.getExtension("EXT_color_buffer_float")) throw new Error("no WebGL 2 with float buffers");
    this.side = Math.max(1, Math.ceil(Math.sqrt(nodes)));
    this.reference = source.length > 20000 ? 120 : 25;
    this.gain = 0.65;
    this.batch = 20000;
    this.drawn = 0;
    this.counting = this.program(COUNT);
    this.toning = this.program(TONE);
    this.nodes = nodes;
    this.array = gl.createVertexArray();
    this.ends = gl.createBuffer();
    this.upload(source, target);
    [this.place, this.tint, this.counts] = [this.texture(), this.texture(), this.texture()];
    this.buffer = gl.createFramebuffer();
  }

  program(sources) {
    const gl = this.gl;
    const made = gl.createProgram();
    for (const [at, type] of [gl.VERTEX_SHADER, gl.FRAGMENT_SHADER].entries()) {
      const shader = gl.createShader(type);
      gl.shaderSource(shader, HEAD + sources[at]);
      gl.compileShader(shader);
      gl.attachShader(made, shader);
    }
    gl.linkProgram(made);
    if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
    return made;
  }

  upload(source, target) {
    const gl = this.gl;
    this.count = source.length;
    const wide = this.nodes > 65535;
    const ends = wide ? new Uint32Array(this.count * 4) : new Uint16Array(this.count * 4);
    let at = 0;
    for (let first = 0; first < DEALT; first++)
      for (let e = first; e < this.count; e += DEALT, at += 4) {
        ends[at] = ends[at + 2] = source[e];
        ends[at + 1] = ends[at + 3] = target[e];
      }
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.ends);
    gl.bufferData(gl.ARRAY_BUFFER, ends, gl.STATIC_DRAW);
    const edge = gl.getAttribLocation(this.counting, "edge");
    gl.enableVertexAttribArray(edge);
    gl.vertexAttribIPointer(edge, 2, wide ? gl.UNSIGNED_INT : gl.UNSIGNED_SHORT, 0, 0);
    gl.bindVertexArray(null);
  }

  texture() {
    const gl = this.gl;
    const made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, made);
    for (const key of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, key, gl.NEAREST);
    for (const key of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T])
      gl.texParameteri(gl.TEXTURE_2D, key, gl.CLAMP_TO_EDGE);
    return made;
  }

  places(xy) {
    const gl = this.gl;
    const data = new Float32Array(this.side ** 2 * 2);
    data.set(xy);
    gl.bindTexture(gl.TEXTURE_2D, this.place);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RG32F, this.side, this.side, 0, gl.RG, gl.FLOAT, data);
  }

  colours(rgba) {
    const gl = this.gl;
    const data = new Uint8Array(this.side ** 2 * 4);
    data.set(rgba);
    gl.bindTexture(gl.TEXTURE_2D, this.tint);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, this.side, this.side, 0, gl.RGBA, gl.UNSIGNED_BYTE, data);
  }

  resize(width, height) {
    if (this.width === width && this.height === height) return;
    const gl = this.gl;
    this.width = this.canvas.width = width;
    this.height = this.canvas.height = height;
    gl.bindTexture(gl.TEXTURE_2D, this.counts);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA16F, width, height, 0, gl.RGBA, gl.HALF_FLOAT, null);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.counts, 0);
  }

  // an empty picture, to be filled by `more`
  begin(matrix, width, height) {
    const gl = this.gl;
    this.resize(width, height);
    this.matrix = matrix;
    this.drawn = 0;
    this.toned = -Infinity;
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
  }

  // draws the next edges and returns how many there were
  more(most = this.batch) {
    const gl = this.gl;
    const set = (name) => gl.getUniformLocation(this.counting, name);
    const count = Math.min(most, this.count - this.drawn);
    gl.viewport(0, 0, this.width, this.height);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.buffer);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE);
    gl.useProgram(this.counting);
    for (const [at, texture] of [this.place, this.tint].entries()) {
      gl.activeTexture(gl.TEXTURE0 + at);
      gl.bindTexture(gl.TEXTURE_2D, texture);
    }
    gl.uniform1i(set("place"), 0);
    gl.uniform1i(set("tint"), 1);
    gl.uniform1i(set("width"), this.side);
    gl.uniformMatrix3fv(set("matrix"), false, this.matrix);
    gl.bindVertexArray(this.array);
    gl.drawArrays(gl.LINES, 2 * this.drawn, 2 * count);
    gl.bindVertexArray(null);
    this.drawn += count;
    if (this.whole || performance.now() - this.toned > SHOWN) this.tone();
    return count;
  }

  get whole() {
    return this.drawn === this.count;
  }

  // resolves once *count* edges are drawn, and learns from the time that took how many to draw at once
  done(count) {
    const gl = this.gl;
    const start = performance.now();
    const fence = gl.fenceSync(gl.SYNC_GPU_COMMANDS_COMPLETE, 0);
    gl.flush();
    return new Promise((resolve) => {
      const look = () => {
        if (gl.clientWaitSync(fence, 0, 0) === gl.TIMEOUT_EXPIRED) return requestAnimationFrame(look);
        gl.deleteSync(fence);
        const times = STEP / (performance.now() - start);
        if (count === this.batch || times < 1) this.batch = Math.max(1000, Math.round(count * Math.min(times, 4)));
        resolve();
      };
      requestAnimationFrame(look);
    });
  }

  tone() {
    const gl = this.gl;
    this.toned = performance.now();
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, this.width, this.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    gl.disable(gl.BLEND);
    gl.useProgram(this.toning);
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.counts);
    gl.uniform1i(gl.getUniformLocation(this.toning, "counts"), 0);
    gl.uniform1f(gl.getUniformLocation(this.toning, "reference"), this.reference);
    gl.uniform1f(gl.getUniformLocation(this.toning, "gain"), this.gain);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
